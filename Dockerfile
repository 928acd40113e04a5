ARG BASE=debian:bookworm-slim

FROM ${BASE} AS environment
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY emulator emulator
RUN python3 -m venv /opt/ec2-emulator \
 && /opt/ec2-emulator/bin/pip install --no-cache-dir --no-compile .

FROM ${BASE}
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=environment /opt/ec2-emulator /opt/ec2-emulator
COPY entrypoint.sh /usr/local/bin/entrypoint.sh
ENV PATH=/opt/ec2-emulator/bin:${PATH} \
    GATEWAY_LISTEN=0.0.0.0:4566 \
    PYTHONUNBUFFERED=1
EXPOSE 4566
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD \
    ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:4566/_localstack/health', timeout=4)"]
ENTRYPOINT ["entrypoint.sh"]
CMD ["start"]
