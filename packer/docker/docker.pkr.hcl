# A Docker image that is an AMI of the emulator: localstack-ec2/<ami_name>:<ami_id>.

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  description = "The image to build on."
}

variable "pull" {
  type        = bool
  default     = true
  description = "Whether the base is pulled first; false for an image of this machine."
}

variable "ami_name" {
  type        = string
  default     = "my-base"
  description = "The AMI's name: small letters, digits, dots and dashes, as in any Docker tag."
}

variable "ami_id" {
  type        = string
  default     = "ami-0c11e475a1b2c3d4e"
  description = "The AMI's id: ami- and hex digits."
}

variable "login_user" {
  type        = string
  default     = "admin"
  description = "Who logs in besides root."
}

variable "provision" {
  type        = string
  default     = "hello"
  description = "Which script of ../provision makes the image what it is."
}

source "docker" "ami" {
  image  = var.base
  pull   = var.pull
  commit = true
  changes = [
    "LABEL ec2-emulator.login-user=${var.login_user}",
    "CMD [\"/bin/sh\"]",
  ]
}

build {
  sources = ["source.docker.ami"]

  provisioner "shell" {
    script          = "${path.root}/../provision/${var.provision}"
    execute_command = "chmod +x {{.Path}}; {{.Vars}} {{.Path}} ${var.login_user}"
  }

  post-processors {
    post-processor "docker-tag" {
      repository = "localstack-ec2/${var.ami_name}"
      tags       = [var.ami_id]
    }
  }
}
