#!/bin/sh
# Usage: check.sh [PEERING_ID]: the connection is active, and each VPC has a route to the other.
set -eu
peering=${1:-$(terraform output -raw peering_id)}
export AWS_ENDPOINT_URL="${AWS_ENDPOINT_URL:-http://localhost:4566}" AWS_ACCESS_KEY_ID=test \
    AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1

[ "$(aws ec2 describe-vpc-peering-connections --vpc-peering-connection-ids "$peering" \
    --query 'VpcPeeringConnections[0].Status.Code' --output text)" = active ]
[ "$(aws ec2 describe-route-tables \
    --filters "Name=route.vpc-peering-connection-id,Values=$peering" \
    --query 'length(RouteTables)')" = 2 ]
echo "08-multi-vpc-peering: $peering joins both VPCs"
