-- One GET with a session token, again and again. Prints the outcome as post.lua does.
wrk.method = "GET"
wrk.headers["X-aws-ec2-metadata-token"] = os.getenv("BENCH_TOKEN")

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "failed": %d, "median_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
