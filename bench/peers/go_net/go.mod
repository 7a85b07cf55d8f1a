module net_go

go 1.19
