terraform { required_providers { aws = { source = "hashicorp/aws", version = "2.68.0" } } }
provider "aws" {
  region = "us-east-1"
  access_key = "test"
  secret_key = "test"
  skip_credentials_validation = var.skip
  skip_requesting_account_id = var.skip
  skip_metadata_api_check = true
  skip_get_ec2_platforms = var.skip
  endpoints {
    ec2 = "http://127.0.0.1:4566"
    sts = "http://127.0.0.1:4566"
    iam = "http://127.0.0.1:4566"
    ssm = "http://127.0.0.1:4566"
    ecs = "http://127.0.0.1:4566"
  }
}
variable "skip" { default = true }
data "aws_ami" "a" {
  most_recent = true
  owners = ["amazon"]
  filter {
    name = "name"
    values = ["amzn-ami-hvm-2017.09*x86_64-gp2"]
  }
}
data "aws_availability_zones" "z" { state = "available" }
resource "aws_vpc" "v" { 
  cidr_block = "10.0.0.0/16" 
  tags = { Name = "v" } 
}
resource "aws_subnet" "s" { 
  vpc_id = aws_vpc.v.id 
  cidr_block = "10.0.1.0/24" 
  availability_zone = data.aws_availability_zones.z.names[0] 
}
resource "aws_internet_gateway" "g" { vpc_id = aws_vpc.v.id }
resource "aws_route_table" "r" { 
  vpc_id = aws_vpc.v.id 
  route { 
    cidr_block = "0.0.0.0/0" 
    gateway_id = aws_internet_gateway.g.id 
  } 
}
resource "aws_route_table_association" "ra" { 
  subnet_id = aws_subnet.s.id 
  route_table_id = aws_route_table.r.id 
}
resource "aws_security_group" "sg" {
  name = "web" 
  vpc_id = aws_vpc.v.id
  ingress { 
    from_port = 22 
    to_port = 22 
    protocol = "tcp" 
    cidr_blocks = ["0.0.0.0/0"] 
  }
  egress { 
    from_port = 0 
    to_port = 0 
    protocol = "-1" 
    cidr_blocks = ["0.0.0.0/0"] 
  }
}
resource "aws_security_group_rule" "x" { 
  type = "ingress" 
  from_port = 80 
  to_port = 80 
  protocol = "tcp" 
  cidr_blocks = ["10.0.0.0/8"] 
  security_group_id = aws_security_group.sg2.id 
}
resource "aws_security_group" "sg2" { vpc_id = aws_vpc.v.id }
resource "aws_key_pair" "k" { 
  key_name = "k" 
  public_key = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQD3F6tyPEFEzV0LX3X8BsXdMsQz1x2cEikKDEY0aIj41qgxMCP/iteneqXSIFZBp5vizPvaoIR3Um9xK7PGoW8giupGn+EPuxIA4cDM4vzOqOkiMPhz5XK0whEjkVzTo4+S0puvDZuwIsdiW9mxhJc7tgBNL0cYlWSYVkz4G/fslNfRPW5mYAM49f4fhtxPb5ok4Q2Lg9dPKVHO/Bgeu5woMc7RY0p1ej6D4CKFE6lymSDJpW0YHX/wqE9+cfEauh7xZcG0q9t2ta6F6fmX0agvpFyZo8aFbXeUBr7osSCJNgvavWbM/06niWrOvYX2xwWdhXmXSrbX8ZbabVohBK41 email@example.com" 
}
resource "aws_instance" "i" {
  ami = data.aws_ami.a.id 
  instance_type = "t2.micro" 
  subnet_id = aws_subnet.s.id 
  key_name = aws_key_pair.k.key_name
  vpc_security_group_ids = [aws_security_group.sg.id] 
  user_data = "#!/bin/sh\necho hi" 
  tags = { Name = "i" }
  root_block_device { volume_size = 10 }
}
resource "aws_eip" "e" { 
  vpc = true 
  instance = aws_instance.i.id 
}
resource "aws_ebs_volume" "vol" { 
  availability_zone = aws_instance.i.availability_zone 
  size = 1 
}
resource "aws_volume_attachment" "va" { 
  device_name = "/dev/sdf" 
  volume_id = aws_ebs_volume.vol.id 
  instance_id = aws_instance.i.id 
}
