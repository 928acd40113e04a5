variable "ami" {
  type    = string
  default = "ami-df5de72bdb3b"
}

variable "public_key" {
  type    = string
  default = "~/.ssh/id_ed25519.pub"
}

data "aws_availability_zones" "all" {
  state = "available"
}

resource "aws_key_pair" "me" {
  key_name   = "example-04"
  public_key = file(pathexpand(var.public_key))
}

resource "aws_instance" "server" {
  ami               = var.ami
  instance_type     = "t3.micro"
  availability_zone = data.aws_availability_zones.all.names[0]
  key_name          = aws_key_pair.me.key_name

  tags = {
    Name = "example-04"
  }
}

resource "aws_ebs_volume" "data" {
  availability_zone = data.aws_availability_zones.all.names[0]
  size              = 20
  type              = "gp3"

  tags = {
    Name = "example-04"
  }
}

resource "aws_volume_attachment" "data" {
  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.data.id
  instance_id = aws_instance.server.id
}

resource "aws_ebs_snapshot" "data" {
  volume_id   = aws_ebs_volume.data.id
  description = "example 04"
}

output "address" {
  value = aws_instance.server.public_ip
}

output "volume_id" {
  value = aws_ebs_volume.data.id
}
