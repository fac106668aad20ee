"""What the page of a site shows: how its tag fares, what comes in, which fields are seen, and where people leave."""
