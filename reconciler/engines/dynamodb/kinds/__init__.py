"""The kinds of DynamoDB resources, one module each; `registry` finds them."""
