#!/bin/sh
# Usage: check.sh [VPC_ID]: both subnets reach the internet, the private one by NAT.
set -eu
vpc=${1:-$(terraform output -raw vpc_id)}
export AWS_ENDPOINT_URL="${AWS_ENDPOINT_URL:-http://localhost:4566}" AWS_ACCESS_KEY_ID=test \
    AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1

routes=$(aws ec2 describe-route-tables --filters "Name=vpc-id,Values=$vpc" \
    --query 'RouteTables[].Routes[?DestinationCidrBlock==`0.0.0.0/0`][].[GatewayId,NatGatewayId,State]' \
    --output text)
echo "$routes"
echo "$routes" | grep -q '^igw-.*active$'
echo "$routes" | grep -q 'nat-.*active$'
[ "$(aws ec2 describe-nat-gateways --filter "Name=vpc-id,Values=$vpc" \
    "Name=state,Values=available" --query 'length(NatGateways)')" = 1 ]
echo "02-vpc: $vpc has a way out for both subnets"
