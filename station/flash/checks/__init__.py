"""What a camera's application is asked, one module a question. Each returns what it measured and what is wrong."""
