"""Folds, scaling, augmentation and the LightningDataModule."""
