# The same in every example: copy it into your own configuration.
terraform {
  required_version = ">= 1.0"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 4.0"
    }
  }
}

variable "endpoint" {
  type        = string
  default     = "http://localhost:4566"
  description = "Where the emulator answers."
}

provider "aws" {
  region                  = "us-east-1"
  access_key              = "test"
  secret_key              = "test"
  skip_metadata_api_check = true

  endpoints {
    ec2 = var.endpoint
    sts = var.endpoint
    iam = var.endpoint
    ssm = var.endpoint
    ecs = var.endpoint
  }
}
