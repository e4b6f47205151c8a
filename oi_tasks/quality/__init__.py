"""The judgement of a snapshot: suites of expectations, the rows that they set apart, and what people are told."""
