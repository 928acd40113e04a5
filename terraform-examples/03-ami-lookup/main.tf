data "aws_ami" "amazon_linux" {
  most_recent = true
  owners      = ["amazon"]

  filter {
    name   = "name"
    values = ["al2023-ami-2023.*-x86_64"]
  }

  filter {
    name   = "root-device-type"
    values = ["ebs"]
  }
}

data "aws_ami" "ubuntu" {
  most_recent = true
  owners      = ["099720109477"]

  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"]
  }
}

data "aws_ssm_parameter" "amazon_linux" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

# What others of the team look up by name.
resource "aws_ssm_parameter" "chosen" {
  name  = "/example-03/ami"
  type  = "String"
  value = data.aws_ssm_parameter.amazon_linux.value
}

output "amazon_linux" {
  value = data.aws_ami.amazon_linux.id
}

output "ubuntu" {
  value = data.aws_ami.ubuntu.id
}

output "by_parameter" {
  value     = data.aws_ssm_parameter.amazon_linux.value
  sensitive = true
}
