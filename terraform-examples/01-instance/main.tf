variable "ami" {
  type        = string
  default     = "ami-df5de72bdb3b"
  description = "The AMI: here, the emulator's Ubuntu 22.04."
}

variable "public_key" {
  type        = string
  default     = "~/.ssh/id_ed25519.pub"
  description = "The file with the public key that may log in."
}

resource "aws_key_pair" "me" {
  key_name   = "example-01"
  public_key = file(pathexpand(var.public_key))
}

resource "aws_security_group" "web" {
  name        = "example-01-web"
  description = "SSH and a web server"

  ingress {
    description = "SSH"
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  ingress {
    description = "the web server"
    from_port   = 8000
    to_port     = 8000
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_instance" "web" {
  ami                    = var.ami
  instance_type          = "t3.micro"
  key_name               = aws_key_pair.me.key_name
  vpc_security_group_ids = [aws_security_group.web.id]
  user_data              = file("${path.module}/user-data.sh")

  tags = {
    Name = "example-01"
  }
}

output "instance_id" {
  value = aws_instance.web.id
}

output "address" {
  value       = aws_instance.web.public_ip
  description = "curl http://<address>:8000/"
}
