variable "ami" {
  type    = string
  default = "ami-df5de72bdb3b"
}

resource "aws_spot_instance_request" "worker" {
  ami                  = var.ami
  instance_type        = "t3.micro"
  spot_price           = "0.01"
  wait_for_fulfillment = true

  tags = {
    Name = "example-07"
  }
}

output "request_id" {
  value = aws_spot_instance_request.worker.id
}

output "instance_id" {
  value = aws_spot_instance_request.worker.spot_instance_id
}
