--- Mark an entry as finished by its group, if the consumer still has its lease.
-- @batch 128
-- @include holds
-- @item key stream   stream
-- @item arg group    group
-- @item arg consumer who finishes
-- @item arg id       entry
-- @item arg attempt  delivery that is finished
-- @returns integer   1 when finished, 0 when the lease was lost

local function item(stream, group, consumer, id, attempt)
  if not holds(stream, group, consumer, id, attempt) then
    return 0
  end
  return redis.call('XACK', stream, group, id)
end
