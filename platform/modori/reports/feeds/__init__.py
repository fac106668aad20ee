"""How lately each client's orders were heard of."""
