--- Renew the leases of a worker, which shows that it is alive. With `starting` it also records that handlers are about to be called.
--
-- Invariant: a lost lease is neither taken back nor recorded as started. The record lasts as long as the lease. The worker sends at
-- most 256 positions.
-- @batch 1
-- @full runs         without it the leases of a live worker end; it changes times only
-- @include stream/pending
-- @include stream/started
-- @include typed
-- @shared group    group
-- @shared consumer name of the consumer that has the leases
-- @item key stream stream, or the group's stream of ready entries
-- @item arg ids    positions, ascending, separated by spaces
-- @item arg starting 1 when the handlers are about to be called
-- @returns string  positions whose lease is lost, separated by spaces

local function item(stream, ids, starting)
  local wrong = typed(stream, 'stream')
  if wrong then
    return wrong
  end
  local all, lost = {}, {}
  for id in string.gmatch(ids, '%S+') do
    all[#all + 1] = id
  end
  local mine = {}
  local found = pending(stream, group, all, consumer)
  for _, id in ipairs(all) do
    if found[id] then
      mine[#mine + 1] = id
    else
      lost[#lost + 1] = id
    end
  end
  if mine[1] then
    if starting == '1' then
      mine[#mine + 1] = 'RETRYCOUNT'
      mine[#mine + 1] = started
    end
    mine[#mine + 1] = 'JUSTID'
    redis.call('XCLAIM', stream, group, consumer, 0, unpack(mine))
  end
  return table.concat(lost, ' ')
end
