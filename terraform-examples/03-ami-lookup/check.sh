#!/bin/sh
# Usage: check.sh: the parameter names an AMI that there is.
set -eu
export AWS_ENDPOINT_URL="${AWS_ENDPOINT_URL:-http://localhost:4566}" AWS_ACCESS_KEY_ID=test \
    AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1

ami=$(aws ssm get-parameter --name /example-03/ami --query Parameter.Value --output text)
name=$(aws ec2 describe-images --image-ids "$ami" --query 'Images[0].Name' --output text)
echo "$name" | grep -q '^al2023-ami-'
echo "03-ami-lookup: $ami is $name"
