--- Set for how long an entry's lease counts as unused, if the consumer still has it: 0 renews it, the whole
--- lease gives it up at once, anything between lets it run out sooner.
-- @batch 128
-- @include holds
-- @item key stream   stream
-- @item arg group    group
-- @item arg consumer who has the lease
-- @item arg id       entry
-- @item arg attempt  delivery under lease
-- @item arg idle     milliseconds
-- @returns integer   1 when set, 0 when the lease was lost

local function item(stream, group, consumer, id, attempt, idle)
  if not holds(stream, group, consumer, id, attempt) then
    return 0
  end
  return #redis.call('XCLAIM', stream, group, consumer, 0, id, 'IDLE', idle, 'JUSTID')
end
