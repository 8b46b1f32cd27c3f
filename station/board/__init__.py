"""What is special about one kind of camera, as a value that is handed in: `Board`, its parts, and the one instance."""
