"""Small trained models, data and studies that ship, found as package resources."""
