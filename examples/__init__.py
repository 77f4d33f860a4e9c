"""Programs that use Headgate the way a product would."""
