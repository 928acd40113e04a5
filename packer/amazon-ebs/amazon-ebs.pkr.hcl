# An AMI built as on EC2: an instance of the emulator is launched, provisioned over SSH, and
# made an image by CreateImage.

variable "endpoint" {
  type        = string
  default     = "http://127.0.0.1:4566"
  description = "Where the emulator answers."
}

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "source_ami" {
  type        = string
  default     = "ami-df5de72bdb3b"
  description = "The AMI to build on."
}

variable "instance_type" {
  type    = string
  default = "t3.micro"
}

variable "ssh_username" {
  type        = string
  default     = "root"
  description = "root, or the source AMI's login user."
}

variable "ami_name" {
  type    = string
  default = "packer-built"
}

source "amazon-ebs" "ami" {
  access_key              = "test"
  secret_key              = "test"
  region                  = var.region
  custom_endpoint_ec2     = var.endpoint
  skip_region_validation  = true
  skip_metadata_api_check = true
  source_ami              = var.source_ami
  instance_type           = var.instance_type
  ssh_username            = var.ssh_username
  ssh_timeout             = "2m"
  ami_name                = var.ami_name
  ami_description         = "Built by Packer"
  tags = {
    Name = var.ami_name
  }
}

build {
  sources = ["source.amazon-ebs.ami"]

  provisioner "shell" {
    script          = "${path.root}/../provision/hello"
    execute_command = "chmod +x {{.Path}}; {{.Vars}} {{.Path}} ${var.ssh_username}"
  }

  post-processor "manifest" {
    output = "manifest.json"
  }
}
