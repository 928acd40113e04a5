variable "ami" {
  type    = string
  default = "ami-df5de72bdb3b"
}

variable "public_key" {
  type    = string
  default = "~/.ssh/id_ed25519.pub"
}

resource "aws_key_pair" "me" {
  key_name   = "example-05"
  public_key = file(pathexpand(var.public_key))
}

resource "aws_iam_role" "server" {
  name = "example-05"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "server" {
  name = "describe"
  role = aws_iam_role.server.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "ec2:Describe*"
      Resource = "*"
    }]
  })
}

resource "aws_iam_instance_profile" "server" {
  name = "example-05"
  role = aws_iam_role.server.name
}

resource "aws_instance" "server" {
  ami                  = var.ami
  instance_type        = "t3.micro"
  key_name             = aws_key_pair.me.key_name
  iam_instance_profile = aws_iam_instance_profile.server.name

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }

  tags = {
    Name = "example-05"
  }
}

output "instance_id" {
  value = aws_instance.server.id
}

output "address" {
  value = aws_instance.server.public_ip
}
