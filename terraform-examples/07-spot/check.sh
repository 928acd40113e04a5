#!/bin/sh
# Usage: check.sh [REQUEST_ID]: the request is fulfilled by a Spot instance.
set -eu
request=${1:-$(terraform output -raw request_id)}
export AWS_ENDPOINT_URL="${AWS_ENDPOINT_URL:-http://localhost:4566}" AWS_ACCESS_KEY_ID=test \
    AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1

aws ec2 describe-spot-instance-requests --spot-instance-request-ids "$request" --output text \
    --query 'SpotInstanceRequests[].[State,Status.Code]' | grep 'active.fulfilled'
aws ec2 describe-instances --output text \
    --filters "Name=spot-instance-request-id,Values=$request" \
    --query 'Reservations[].Instances[].[InstanceLifecycle,State.Name]' | grep 'spot.running'
echo "07-spot: $request is fulfilled"
