variable "ami" {
  type    = string
  default = "ami-df5de72bdb3b"
}

resource "aws_launch_template" "server" {
  name          = "example-06"
  image_id      = var.ami
  instance_type = "t3.micro"
  user_data     = base64encode("#!/bin/sh\necho from-the-template >/etc/example-06\n")

  tag_specifications {
    resource_type = "instance"
    tags = {
      Name = "example-06"
    }
  }
}

resource "aws_instance" "server" {
  launch_template {
    id      = aws_launch_template.server.id
    version = "$Latest"
  }
}

output "instance_id" {
  value = aws_instance.server.id
}

output "template_version" {
  value = aws_launch_template.server.latest_version
}
