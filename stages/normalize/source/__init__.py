"""The document as it was given: parsed, with what settings leave out taken out, and made plain for the judges."""
