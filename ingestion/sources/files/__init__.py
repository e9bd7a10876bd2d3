"""Tables in files of text, as people and machines write them: read exactly, or refused with file and line; never guessed in silence."""
