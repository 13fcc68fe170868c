"""What shapes are painted with: colours, gradients, patterns, and the ground under a drawing."""
