^XA
^FX A label of 50 x 25 mm at 203 dpi. A field that prints a text of the record has FH before its FD.^FS
^CI28^PW400^LL200
^FO16,16^BQN,2,4^FH^FDQA,{{ product_serial or serial }}^FS
^FO150,20^A0N,28,28^FH^FD{{ part_number or "OpenMV AE3" }}^FS
^FO150,56^A0N,22,22^FH^FD{{ product_serial or "" }}^FS
^FO150,86^A0N,18,18^FH^FD{{ serial }}^FS
^FO150,112^A0N,18,18^FH^FD{{ bundle_version }}^FS
^FO150,138^A0N,18,18^FH^FD{{ finished_at | local }}^FS
^FO150,164^A0N,18,18^FH^FD{{ batch or "" }}^FS
^XZ
