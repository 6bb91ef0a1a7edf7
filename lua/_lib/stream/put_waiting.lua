-- `put_waiting(ready, lows, delivery)`: an entry waited for its time and may be handled now: it goes into ready, one of low priority into `low`.
-- @include stream/entry
-- @lazy stream/low
local function put_waiting(ready, lows, delivery)
  if delivery.o and load_low().is(delivery) then
    load_low().put(lows, delivery)
  else
    entry.put_ready(ready, delivery)
  end
end
