package ipcmd

const usageAddress = `Usage: ip address {add|change|replace} IFADDR dev IFNAME [ LIFETIME ]
                                                      [ CONFFLAG-LIST ]
       ip address del IFADDR dev IFNAME [mngtmpaddr]
       ip address {save|flush} [ dev IFNAME ] [ scope SCOPE-ID ] [ to PREFIX ]
                            [ FLAG-LIST ] [ label LABEL ] [up]
       ip address [ show [ dev IFNAME ] [ scope SCOPE-ID ] [ master DEVICE ]
                         [ nomaster ] [ type TYPE ] [ to PREFIX ] [ FLAG-LIST ]
                         [ label LABEL ] [up] [ vrf NAME ] ]
       ip address {showdump|restore}
IFADDR := PREFIX | ADDR peer PREFIX
          [ broadcast ADDR ] [ anycast ADDR ]
          [ label IFNAME ] [ scope SCOPE-ID ] [ metric METRIC ]
SCOPE-ID := [ host | link | global | NUMBER ]
FLAG-LIST := [ FLAG-LIST ] FLAG
FLAG  := [ permanent | dynamic | secondary | primary |
           [-]tentative | [-]deprecated | [-]dadfailed | temporary |
           CONFFLAG-LIST ]
CONFFLAG-LIST := [ CONFFLAG-LIST ] CONFFLAG
CONFFLAG  := [ home | nodad | optimistic | mngtmpaddr | noprefixroute | autojoin ]
LIFETIME := [ valid_lft LFT ] [ preferred_lft LFT ]
LFT := forever | SECONDS
`

const usageLink = `Usage: ip link add [link DEV] [ name ] NAME
                    [ txqueuelen PACKETS ] [ address LLADDR ] [ broadcast LLADDR ]
                    [ mtu MTU ] [ index IDX ]
                    [ numtxqueues COUNT ] [ numrxqueues COUNT ]
                    [ netns { PID | NAME } ]
                    type TYPE [ ARGS ]
       ip link delete { DEVICE | dev DEVICE | group DEVGROUP } type TYPE [ ARGS ]
       ip link set { DEVICE | dev DEVICE | group DEVGROUP } [ { up | down } ]
                    [ type TYPE ARGS ]
                    [ arp { on | off } ] [ dynamic { on | off } ]
                    [ multicast { on | off } ] [ allmulticast { on | off } ]
                    [ promisc { on | off } ] [ trailers { on | off } ]
                    [ carrier { on | off } ] [ txqueuelen PACKETS ]
                    [ name NEWNAME ] [ address LLADDR ] [ broadcast LLADDR ]
                    [ mtu MTU ] [ netns { PID | NAME } ]
                    [ link-netns NAME | link-netnsid ID ] [ alias NAME ]
                    [ master DEVICE ] [ vrf NAME ] [ nomaster ]
                    [ addrgenmode { eui64 | none | stable_secret | random } ]
                    [ protodown { on | off } ]
       ip link show [ DEVICE | group GROUP ] [up] [master DEV] [vrf NAME] [type TYPE]
                    [nomaster]
       ip link afstats [ dev DEVICE ]
       ip link property { add | del } dev DEVICE [ altname NAME .. ]
       ip link help [ TYPE ]
TYPE := { bridge | bridge_slave | dummy | gre | gretap | ifb | ip6tnl | ipip |
          macvlan | macvtap | sit | veth | vlan | vrf | vxlan | wireguard }
`
