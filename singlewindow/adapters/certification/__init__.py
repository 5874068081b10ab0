"""The robot that certifies an adapter: conformance scenarios, run through a faulty network, with the evidence."""
