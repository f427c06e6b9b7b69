package rpdb

func (db *Database) depends(f *Flow, d *Decision) Fields { return 0 }
