"""The roof: the command line, and the way of the data from source to site. It imports every other package, and none imports it."""
