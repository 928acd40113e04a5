"""VPC endpoints and the services behind them."""
