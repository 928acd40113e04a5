// An instance from launch to end through the AWS SDK for JavaScript; prints what it saw.
import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypesCommand,
  EC2Client,
  RunInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  paginateDescribeInstances,
  paginateDescribeInstanceTypes,
  waitUntilInstanceRunning,
  waitUntilInstanceStopped,
  waitUntilInstanceTerminated,
} from "@aws-sdk/client-ec2";

const client = new EC2Client({ maxAttempts: 1 }); // the rest is in the environment
const quick = { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 };
const saw = {};

const { Instances } = await client.send(
  new RunInstancesCommand({
    ImageId: process.argv[2],
    InstanceType: "t3.micro",
    MinCount: 1,
    MaxCount: 6,
    TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: "jé <&>" }] }],
  }),
);
saw.launched = Instances.length;
saw.launchTimeIsDate = Instances[0].LaunchTime instanceof Date;
const InstanceIds = Instances.map((instance) => instance.InstanceId);
saw.running = (await waitUntilInstanceRunning(quick, { InstanceIds })).state;
await client.send(
  new CreateTagsCommand({ Resources: InstanceIds, Tags: [{ Key: "empty", Value: "" }] }),
);
saw.tags = (await client.send(new DescribeInstancesCommand({ InstanceIds })))
  .Reservations[0].Instances[0].Tags;
saw.paged = 0;
for await (const page of paginateDescribeInstances({ client, pageSize: 5 }, {})) {
  for (const reservation of page.Reservations) saw.paged += reservation.Instances.length;
}
saw.types = 0;
for await (const page of paginateDescribeInstanceTypes({ client, pageSize: 50 }, {})) {
  saw.types += page.InstanceTypes.length;
}
await client.send(new StopInstancesCommand({ InstanceIds }));
saw.stopped = (await waitUntilInstanceStopped(quick, { InstanceIds })).state;
try {
  await client.send(new DescribeInstancesCommand({ InstanceIds: ["i-0123456789abcdef0"] }));
} catch (error) {
  saw.refused = [error.name, error.$metadata.httpStatusCode];
}
try {
  await client.send(new DescribeInstanceTypesCommand({ DryRun: true }));
} catch (error) {
  saw.dry = [error.name, error.$metadata.httpStatusCode];
}
await client.send(new TerminateInstancesCommand({ InstanceIds }));
saw.terminated = (await waitUntilInstanceTerminated(quick, { InstanceIds })).state;
console.log(JSON.stringify(saw));
