#!/bin/sh
# Usage: check.sh [INSTANCE_ID]: the instance is what the template says.
set -eu
instance=${1:-$(terraform output -raw instance_id)}
export AWS_ENDPOINT_URL="${AWS_ENDPOINT_URL:-http://localhost:4566}" AWS_ACCESS_KEY_ID=test \
    AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1

aws ec2 describe-instances --instance-ids "$instance" --output text \
    --query 'Reservations[].Instances[].[InstanceType,State.Name,Tags[?Key==`Name`].Value|[0]]' |
    grep 't3.micro.running.example-06'
aws ec2 describe-instance-attribute --instance-id "$instance" --attribute userData \
    --query UserData.Value --output text | base64 -d | grep -q from-the-template
echo "06-launch-template: $instance is what the template says"
