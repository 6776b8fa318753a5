"""People who turn to sellers: keys, consent, numbers, codes in chats, and what is handed out."""
