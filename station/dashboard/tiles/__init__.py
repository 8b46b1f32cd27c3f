"""What one tile of the line shows, and the grid of them."""
