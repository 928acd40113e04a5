# For Packer from 1.7 on, which `packer init amazon-ebs` reads this for; 1.6 has the plugin
# built in and does not know the block.
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.0"
    }
  }
}
