# For Packer from 1.7 on, which `packer init docker` reads this for; 1.6 has the plugin built in
# and does not know the block.
packer {
  required_plugins {
    docker = {
      source  = "github.com/hashicorp/docker"
      version = ">= 1.0.8"
    }
  }
}
