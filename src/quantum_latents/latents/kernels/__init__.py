"""Laws of latents compiled for the CPU."""
