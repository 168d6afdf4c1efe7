module netbind/test/go/pause

go 1.19
