"""What a shopper asks for, understood; and what was found, put in order."""
