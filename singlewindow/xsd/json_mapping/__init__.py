"""JSON in and out, by the schema of a message set.

A message is `{"CEB603Message": {"@version": "1.0", "Inventory": [{…}]}}`: one member named by the root. Attributes are
`@name`, the text beside them `#text`; what may repeat is an array, whatever its count; every value that we write is a
text, so that no decimal loses a digit. Content that no schema describes is `#xml`, as it stands.

Where a schema lets elements of different names alternate (a choice that repeats, a sequence that names an element
twice), JSON keeps the order within each name only, and XML is written name after name in the order in which the schema
first names them, which such a schema may refuse. No message set shipped here has one.
"""
