package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// Devices without anything behind them.
func init() {
	addKinds(
		&linkKind{
			name:     "dummy",
			validate: validateEtherLink,
			setup: func(d *device) {
				d.setupEther()
				d.noQueue = true
				d.flags = d.flags&^rpdb.IFFMulticast | rpdb.IFFNoARP
				d.minMTU, d.maxMTU = 0, 0
				d.sizes.tso = 65536
				d.randomAddress()
			},
			setAddress:  setEther,
			userCarrier: true,
		},
		&linkKind{
			name:     "ifb",
			validate: validateEtherLink,
			setup: func(d *device) {
				d.setupEther()
				d.flags = d.flags&^rpdb.IFFMulticast | rpdb.IFFNoARP
				d.minMTU, d.maxMTU = 0, 0
				d.TxQLen = 32 // TX_Q_LIMIT
				d.randomAddress()
			},
		},
	)
}

// randomAddress draws a hardware address (eth_hw_addr_random).
func (d *device) randomAddress() { d.Address = d.ns.world.randomEther() }

// validateEtherLink checks the hardware address alone, as simple drivers do.
func validateEtherLink(tb, _ attrs) error { return validEther(tb) }
