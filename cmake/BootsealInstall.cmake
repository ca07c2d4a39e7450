# What is installed where, apart from the programs: by component, so that an image takes only what it needs.

function(bs_install component destination)
    install(FILES ${ARGN} DESTINATION "${destination}" COMPONENT ${component})
endfunction()

bs_install(dev "${CMAKE_INSTALL_INCLUDEDIR}/bootseal"
    include/bootseal/protocol.h include/bootseal/exit.h include/bootseal/report.h include/bootseal/cap.h
    include/bootseal/reason.h)

if(BOOTSEAL_AGENT)
    bs_install(agent "${CMAKE_INSTALL_MANDIR}/man8" docs/man/bootseal.8)
    bs_install(agent "${CMAKE_INSTALL_MANDIR}/man5" docs/man/bootseal.conf.5)
    bs_install(systemd lib/systemd/system systemd/bootseal.service)
    install(PROGRAMS initramfs/busybox/init initramfs/busybox/bootseal-net initramfs/busybox/udhcpc.script
        initramfs/busybox/mkinitramfs
        DESTINATION "${CMAKE_INSTALL_DATADIR}/bootseal/initramfs/busybox" COMPONENT initramfs)
endif()

if(BOOTSEAL_SERVER)
    bs_install(server "${CMAKE_INSTALL_MANDIR}/man8" docs/man/bootseald.8 docs/man/bootsealctl.8)
    bs_install(server "${CMAKE_INSTALL_MANDIR}/man5" docs/man/bootseal-policy.5
        docs/man/bootseal-profile.5 docs/man/bootseald.conf.5)
    bs_install(systemd lib/systemd/system systemd/bootseald.service)
    bs_install(systemd lib/sysusers.d systemd/sysusers.d/bootseald.conf)
    bs_install(systemd lib/tmpfiles.d systemd/tmpfiles.d/bootseald.conf)
endif()
