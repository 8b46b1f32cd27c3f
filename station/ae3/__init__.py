"""What is special about the OpenMV AE3, as data: identity, partitions, boot header, recovery key, limits, images."""
