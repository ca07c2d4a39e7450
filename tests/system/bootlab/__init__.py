"""Builds images that boot with bootseal in them, and runs them in QEMU with a firmware and a TPM."""
