"""The reader of prices as African sellers write them: text in, an offer or a refusal with its reason out."""
