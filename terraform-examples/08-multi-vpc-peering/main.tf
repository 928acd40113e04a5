resource "aws_vpc" "front" {
  cidr_block = "10.31.0.0/16"

  tags = {
    Name = "example-08-front"
  }
}

resource "aws_vpc" "back" {
  cidr_block = "10.32.0.0/16"

  tags = {
    Name = "example-08-back"
  }
}

resource "aws_subnet" "front" {
  vpc_id     = aws_vpc.front.id
  cidr_block = "10.31.1.0/24"
}

resource "aws_subnet" "back" {
  vpc_id     = aws_vpc.back.id
  cidr_block = "10.32.1.0/24"
}

resource "aws_vpc_peering_connection" "both" {
  vpc_id      = aws_vpc.front.id
  peer_vpc_id = aws_vpc.back.id
  auto_accept = true

  tags = {
    Name = "example-08"
  }
}

resource "aws_route" "to_back" {
  route_table_id            = aws_vpc.front.main_route_table_id
  destination_cidr_block    = aws_vpc.back.cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection.both.id
}

resource "aws_route" "to_front" {
  route_table_id            = aws_vpc.back.main_route_table_id
  destination_cidr_block    = aws_vpc.front.cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection.both.id
}

output "peering_id" {
  value = aws_vpc_peering_connection.both.id
}
