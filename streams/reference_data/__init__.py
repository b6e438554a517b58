"""What Microsoft decides and changes: versions, dates, codes, names. Data with a date and a source, never code.

Each table is a TOML file here: `as_of`, when somebody last compared it with its sources; `[sources]`, a short name
and the document behind it; `[[rows]]`. A row names its source, and says `as_of` itself where it was looked up at
another time, and `confirmed = false` where no page of Microsoft's own was found.
"""
