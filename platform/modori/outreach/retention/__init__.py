"""What was captured, said and sent goes when we say it goes (RULES 9, 15): decision 0031."""
